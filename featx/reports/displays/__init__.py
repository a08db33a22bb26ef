"""Figures of results as classes, as scikit-learn has them: data in, `plot` draws it.

Each class keeps what it draws; `plot` draws it on given axes or on a new figure of pyplot,
keeps axes, figure and artists as attributes that end in an underscore, and returns the
display. Class methods ``from_...`` compute what is drawn and draw it.
"""
