"""Tests of the network: peers, TLS, identities, associations."""
