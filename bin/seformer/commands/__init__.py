"""One module per subcommand: its paths and settings, and a call of what does the work."""
