"""The supervisor: starts the staging's processes, keeps their addresses, flips their switches, and ends them."""
