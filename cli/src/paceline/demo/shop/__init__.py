"""A year of a real web shop, replayed: four goals, each light compared with the published one."""
