"""The only place that knows collections.

rules           {_id: "tenant|rule", tenant, id, version, name, metric, dim, threshold, zone, start,
                 stopped, dim_is}                                  the current version
rule_versions   the same with _id "tenant|rule|version"
rule_heads      {_id: tenant, rev}                         incremented with each change of a rule
rule_moves      {_id: "all", count}                        incremented with each of them
totals          {_id: "tenant|rule|value|day", tenant, rule, value, day, amount, count, praised}
awards          {_id: deed id, tenant, partition, n, state, waits_for, ...}
                n counts per (tenant, facts partition); one that waited gets a new n when decided
award_heads     {_id: "tenant|partition", n}
recipient_heads {_id: "tenant|kind|id", rev}   touched by awards that wait, and by the first entry
directory       {_id: "tenant|kind|id", tenant, version, body}   the highest version seen
"""
