"""The command line: one file a subcommand; nothing else imports it."""
