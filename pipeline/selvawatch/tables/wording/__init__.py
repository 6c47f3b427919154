"""What tables say in words: `explanations` has the sentences, which `write.language.explained` translates."""
