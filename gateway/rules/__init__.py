"""From readings to alarms to action, at the station, with the platform away.

    recipe.py    ready rules are data: `config/rules/`
    rule.py      `[rule.*]`, and the watches that it becomes
    kinds/       one pure step a kind of rule: does its condition hold?
    parents.py   who explains silence where the settings say nothing
    confirm.py   delays, N of M, hours of the day
    watch.py     one watch, one step
    engine.py    all watches: which read a point, which are due
    alarm.py     the life of an alarm: one table
    book.py      the open alarms as they are stored
    quiet.py     maintenance, and parents that explain their children
    alarms.py    what moves alarms, and what the world hears of it
    duty.py      `[duty]`: who is called when, and who is next
    ringing.py   what an escalation rings where there are loudspeakers
    answers.py   what whoever pressed is told aloud
    verdicts.py  what people found alarms to be, rule by rule
    linkage.py   `[linkage.*]`: what an alarm sets off
    core.py      all of it together, without I/O
    acts.py      who carries out an action
    events.py    what goes into the feed
    room.py      the core in the running station
    prove.py     what `yizhan check` finds out before anything runs
    replay.py    the past, or an invented one, through the rules

reading ─► watches ─► condition came or went ─► alarm ─► event, call, linkage ─► action, record
"""
