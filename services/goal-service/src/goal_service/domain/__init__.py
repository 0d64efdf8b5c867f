"""Goals, plans, calendars, facts and progress: frozen types and pure functions."""
