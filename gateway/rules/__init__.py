"""From readings to alarms to actions, at the station, with or without the platform.

    rule_templates.py rule.py    ready rules are data (`config/rules/`); `[rule.*]` becomes watches
    kinds/                 one file a kind of rule: does its condition hold now?
    confirmation.py        delays, N of M, hours of the day
    watch.py evaluator.py  one watch, one step; all watches: which read a point, which are due
    silence_parents.py     which device or bus explains a point's silence
    alarm.py               the life of an alarm: one table
    alarms.py alarm_repository.py suppression.py verdicts.py    what people and time do to alarms
    duty.py                `[duty]`: who is called when, and who is next
    escalation_calls.py    what an escalation announces where there are loudspeakers
    spoken_answers.py      what a person who pressed a button is told aloud
    linkage.py actions.py  `[linkage.*]`: what an alarm triggers, and who carries it out
    core.py                all of it together, without I/O
    service.py outbox.py events.py    the core in the running station, its events and state
    cross_checks.py replay.py    what `yizhan check` and `yizhan replay` find out

reading ─► watches ─► condition came or went ─► alarm ─► event, call, linkage ─► action, record
"""
