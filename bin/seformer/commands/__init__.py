"""One module per subcommand: its options, and a call of the module that does the work."""
