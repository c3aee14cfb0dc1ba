"""The forms in which an answer can be written."""

from enum import StrEnum


class AnswerFormat(StrEnum):
    """For a person, or for a program."""

    TXT = "txt"
    JSON = "json"
