from django.core.management.base import BaseCommand
from django.db import transaction

from stations.access import ROLES, sync_roles


class Command(BaseCommand):
    help = "Give the group of each role exactly the permissions that the roles list says."

    @transaction.atomic
    def handle(self, **options):
        sync_roles()
        self.stdout.write(f"Roles are up to date: {', '.join(ROLES)}.")
