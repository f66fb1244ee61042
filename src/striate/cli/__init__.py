"""The commands, one thin module each: they read arguments, call `striate.api`, and print.

``main`` holds the list of commands and turns errors into one line and an exit status.
"""
