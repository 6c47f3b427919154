"""A page as a reader and a program see it: shown text, tags and attributes; a tag left open fails."""

from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "hr", "input", "rect", "circle", "path"}


class Page(HTMLParser):
    """Tags, addresses, attributes and shown text of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.shown, self.open = [], [], "", []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.shown += data

    @property
    def addresses(self):
        return [value for _, name, value in self.attributes if name in ("src", "href", "srcset", "action")]
