"""Show that nothing of a patient gets through, by means that share nothing with the program."""
