"""How far hectares of events may be off."""
