"""The station's voice: Chinese and English texts become clips."""
