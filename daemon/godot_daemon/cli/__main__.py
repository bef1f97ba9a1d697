"""`python -m godot_daemon.cli` is `godot`, for those who start it from a program."""

from godot_daemon.cli import main

main()
