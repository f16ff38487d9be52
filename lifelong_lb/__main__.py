"""``python -m lifelong_lb`` is ``lifelong-lb``."""

from lifelong_lb.cli import main

if __name__ == "__main__":
    main()
