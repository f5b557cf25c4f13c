"""Stand-ins for Apollo and Hunter on loopback: their replies, refusals, limits and credits; made-up firms."""
