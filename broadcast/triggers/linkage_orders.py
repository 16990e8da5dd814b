"""Turns what the rules want heard into orders."""

import msgspec

from broadcast.material.presets import Presets
from broadcast.order import Authority, Content, Order, OrderClass, PresetContent, TextContent
from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.places import Places
from gateway.rules.linkage import AnnounceAction, AnswerAction, LinkageTask, RingAction, task_action
from gateway.texts import Texts


class LinkageOrders:
    """Builds the order that carries out a task of the rules."""

    def __init__(self, presets: Presets, places: Places, language: str) -> None:
        """`language` is the language of calls."""
        self._presets = presets
        self._places = places
        self._texts = Texts(language)

    def order_of(self, task: LinkageTask, expires: Deadline) -> Order:
        """The order of a linkage's `announce`, of a step of `[duty]`, or of an answer."""
        action = task_action(task)
        if isinstance(action, RingAction):
            return self._ring(task, action, expires)
        if isinstance(action, AnswerAction):
            return self._answer(task, action, expires)
        assert isinstance(action, AnnounceAction)
        usual = self._presets.all().get(action.announce)
        return Order(
            id=task.id,
            source=f"linkage.{task.linkage}",
            zones=(action.zone or "",),
            class_=OrderClass.parse(action.cls),
            authority=Authority.LINKAGE,
            actor=Actor("linkage", task.linkage),
            content=self._content(action, task),
            expires=expires,
            repeat=1 if usual is None else usual.repeat,
            chime=None if usual is None else usual.chime,
            place=task.place,
        )

    def _content(self, action: AnnounceAction, task: LinkageTask) -> Content:
        """A text of its own needs no preset of that name; with one, it uses the preset's language.

        If it would name the place of a private alarm, it asks staff to look instead.
        """
        if task.private and self._names_place(action, task):
            return TextContent(self._texts.say("rules.ring-private"), self._texts.lang)
        if task.text and action.announce not in self._presets.all():
            return TextContent(task.text, self._texts.lang)
        return PresetContent(action.announce, task.text)

    def _names_place(self, action: AnnounceAction, task: LinkageTask) -> bool:
        preset = self._presets.all().get(action.announce)
        said = task.text or ("" if preset is None else preset.text or preset.name)
        left_out = bool(action.text) and not task.text
        return left_out or not said or "{place}" in said

    def _answer(self, task: LinkageTask, action: AnswerAction, expires: Deadline) -> Order:
        words = self._texts.say(f"rules.answer-{action.says}", who=action.to)
        said = self._said(task, words, action.answer, expires)
        return msgspec.structs.replace(
            said, source=f"answer.{task.alarm}", chime="none", place=task.place, at_once=True
        )

    def _ring(self, task: LinkageTask, action: RingAction, expires: Deadline) -> Order:
        place = self._places.spoken(task.place)
        words = self._texts.say("rules.ring", place=place, name=task.text)
        if action.more:
            words += self._texts.say("rules.ring-more", n=action.more)
        if action.private:
            words = self._texts.say("rules.ring-private")
        said = self._said(task, words, action.ring, expires)
        return msgspec.structs.replace(
            said, chime="urgent", place="" if action.private else task.place
        )

    def _said(self, task: LinkageTask, words: str, zone: str, expires: Deadline) -> Order:
        """An order with those words in that zone."""
        return Order(
            id=task.id,
            source=f"{task.linkage}.{task.alarm}",
            zones=(zone,),
            class_=OrderClass.SERVICE,
            authority=Authority.LINKAGE,
            actor=Actor("linkage", task.linkage),
            content=TextContent(words, self._texts.lang),
            expires=expires,
        )
