"""Switches are always put back: lease, journal, switchboard, watchdog, and recovery for the machine that came back."""
