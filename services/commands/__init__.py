"""What the command line does; the only code besides it that may join services together."""
