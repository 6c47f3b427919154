"""What a simulated archive is on disk: scenes, catalogue, truth, and a made-up register of rights."""
