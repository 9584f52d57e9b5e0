"""What runs the course but is not taught: map, check-up, command line, records."""

from cnnlab.course.map import LESSONS, Lesson, overview, progress, progress_text

__all__ = ["LESSONS", "Lesson", "overview", "progress", "progress_text"]
