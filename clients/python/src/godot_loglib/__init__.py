"""Godot client library for Python components."""
