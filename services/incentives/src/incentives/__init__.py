"""Owns rules, awards, pools, funds, stars, contracts and the ledger."""
