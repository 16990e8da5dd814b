"""One builder a screen: from where somebody is and what is true, to what stands there. Pure.

scene.py    what a builder may look at, and the parts that screens share
home.py     the first screen, by day, by night, with the platform away
choose.py   what, where, digits, options: what is asked of the person
voice.py    a few words instead of typing
ride.py     a ride in each of its states
call.py     a call for staff
work.py     a work order, its number and its faces
draw.py     the builder for where somebody is
"""
