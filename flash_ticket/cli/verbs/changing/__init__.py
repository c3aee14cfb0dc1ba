"""The verbs that change something: each asks, or says what it will do, before it does it."""
