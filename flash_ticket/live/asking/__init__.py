"""How the APIs are asked: with which settings, what is remembered, what is asked ahead."""
