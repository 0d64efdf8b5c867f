"""An invented organisation of 12 teams and 150 people, and some weeks of its life with a plot."""
