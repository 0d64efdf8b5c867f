"""`paceline bench fold`: one job, ours and its peers on one broker, each checked before it counts.

The job: JSON events of about 246 bytes in a topic of four partitions; decode them, drop what is
malformed or was sent before, sum and count per (tenant, type, channel, campaign, minute), put the
results out, commit the offsets.
"""
