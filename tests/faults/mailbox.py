"""A mail server of the harness: each mail is a line in a file, with its Message-ID, as a server would see it."""

import json
import os

from django.core.mail.backends.base import BaseEmailBackend


class Mailbox(BaseEmailBackend):
    """Appends to the file in FAULT_MAILBOX, in one write, so that a mail is there whole or not at all."""

    def send_messages(self, messages) -> int:
        for message in messages:
            told = {"id": message.message()["Message-ID"], "subject": message.subject}
            with open(os.environ["FAULT_MAILBOX"], "ab", buffering=0) as file:
                file.write(json.dumps(told).encode() + b"\n")
        return len(messages)
