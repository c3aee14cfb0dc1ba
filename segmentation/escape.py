"""Text that others wrote, made harmless to show: no line break or terminal escape gets through."""


def escaped(text: str) -> str:
    r"""Return the text with what would break or hide a line written out, such as ``\x1b`` and ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
