"""`python -m chassis.topology [--watch]`: make the streams and consumers of NATS what contracts say."""

from chassis.messaging.topology import main

if __name__ == "__main__":
    main()
