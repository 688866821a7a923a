"""De-identify data sets by PS3.15 Annex E: the profile, its options, and what follows from them."""
