"""What reaches the user: data on stdout, talk on stderr, and the look of both on a terminal."""
