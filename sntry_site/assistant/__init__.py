"""The assistant: answers about the network from facts that the asker may see, by rule and, with a key, by Gemini."""
