"""One function per page or deed: which answers it needs, in which order, and what is made of them.

A page that can do without a service is shown without it, and says so.
"""
