"""A Gemini on loopback that answers the assistant: well, with what no fact says, or obeying all that it reads."""

import json

from .gemini_server import GeminiServer, answered

ODD = {
    "new_number": {"text": "{site} will fail with 97.3 % certainty.", "facts": "own"},
    "other_unit": {"text": "The expected loss is 120 % per hour.", "facts": "own"},
    "other_rate": {"text": "The expected loss is $120 per day.", "facts": "own"},
    "in_words": {"text": "Seventeen sites are at risk.", "facts": "own"},
    "in_other_digits": {"text": "{site} will fail within ٩٩ h.", "facts": "own"},
    "times_more": {"text": "The expected loss is $120 thousand per hour.", "facts": "own"},
    "of_another": {"text": "{site} is at risk.", "facts": "network"},
    "unknown_placeholder": {"text": "{site 99} is at risk.", "facts": "own"},
    "no_fact": {"text": "All is well.", "facts": []},
    "strange_fact": {"text": "All is well.", "facts": ["F999"]},
    "only_markup": {"text": "<img src=x onerror=alert(1)>", "facts": "own"},
}


class AssistantServer(GeminiServer):
    """`behaviour`: a key of ODD, "good", "obeys", "does_not_know", "strange_card" or one of GeminiServer's."""

    def _good(self, body):
        data = read(body)
        worst = next(fact for fact in data["facts"] if fact["topic"] == "risk" and "{site" in fact["text"])
        name, _, rest = worst["text"].partition(": ")
        return said(
            [{"text": f"{name.split('}')[0]}}} has a {rest.split('; ')[0]}.", "facts": [worst["id"]]}], [worst["id"]]
        )

    def _changed(self, body):
        if self.behaviour == "does_not_know":
            return answered(json.dumps({"answers": False, "statements": [], "cards": []}))
        data, odd = read(body), ODD.get(self.behaviour, {"text": "{site} is at risk.", "facts": "own"})
        own = next(fact for fact in data["facts"] if fact["topic"] == "risk" and "{site" in fact["text"])
        network = next(fact for fact in data["facts"] if "{" not in fact["text"])
        facts = {"own": [own["id"]], "network": [network["id"]]}.get(str(odd["facts"]), odd["facts"])
        name = own["text"].partition("}")[0] + "}"
        cards = ["F999"] if self.behaviour == "strange_card" else []
        return said([{"text": odd["text"].replace("{site}", name), "facts": facts}], cards)

    def _obeys(self, body):
        """The worst that a model can do: everything hostile that it was given goes into every field, cited in full."""
        data = read(body)
        everything = [data["question"], data["question_before"], *(fact["text"] for fact in data["facts"])]
        ids = [fact["id"] for fact in data["facts"]]
        return said([{"text": text, "facts": ids} for text in everything[:2] + everything[-4:]], [*ids[:5]])


def read(body: dict) -> dict:
    """The data of a prompt."""
    return json.loads(body["contents"][0]["parts"][0]["text"].split("\n")[1])


def said(statements: list[dict], cards: list[str]) -> dict:
    return answered(json.dumps({"answers": True, "statements": statements, "cards": cards}))
