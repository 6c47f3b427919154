"""What leaves a store for those who asked: subscriptions checked, files that go along, passes over both."""
