#!/usr/bin/python3
"""systemd.py FILE: org.freedesktop.systemd1 with the few methods that the hook "systemd" uses.

FILE has one line: ActiveState=... CanReload=... result=... command=..., and PIDFile=... if the
main process is a real one. A job runs the command and ends with the result; one of "never" does not
end, and that of "real" is what became of the command.
Every method that makes a job is printed.
"""
import pathlib
import subprocess
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.systemd1"
MANAGER = NAME + ".Manager"


def script():
    with open(sys.argv[1], encoding="ascii") as file:
        line = file.readline().strip()
    words, command = line.split(" command=", 1)
    return dict(word.split("=", 1) for word in words.split()) | {"command": command}


def main_pid():
    file = script().get("PIDFile")
    if file is None:
        return 4711
    return int(pathlib.Path(file).read_text(encoding="ascii"))


class Unit(dbus.service.Object):
    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if interface == NAME + ".Service" and name == "MainPID":
            return dbus.UInt32(main_pid())
        if name == "LoadState":
            return "loaded"
        if name == "CanReload":
            return dbus.Boolean(script()["CanReload"] == "true")
        return script()[name]


class Manager(dbus.service.Object):
    jobs = 0

    def job(self, method, unit):
        todo = script()
        if "denied" in todo:
            raise dbus.exceptions.DBusException("Permission denied", name="org.freedesktop.DBus.Error.AccessDenied")
        print(method, unit, flush=True)
        Manager.jobs += 1
        path = dbus.ObjectPath("/org/freedesktop/systemd1/job/%d" % Manager.jobs)
        ran = subprocess.run(todo["command"], shell=True, check=False)
        result = todo["result"]
        if result == "real":
            result = "done" if ran.returncode == 0 else "failed"
        if result != "never":
            # before the answer, as it may happen: the client must know its job later
            self.JobRemoved(dbus.UInt32(Manager.jobs), path, unit, result)
        return path

    @dbus.service.signal(MANAGER, signature="uoss")
    def JobRemoved(self, number, path, unit, result):
        pass

    @dbus.service.method(MANAGER)
    def Subscribe(self):
        pass

    @dbus.service.method(MANAGER, in_signature="s")
    def ResetFailedUnit(self, name):
        print("ResetFailedUnit", name, flush=True)

    @dbus.service.method(MANAGER, in_signature="s", out_signature="o")
    def LoadUnit(self, name):
        return dbus.ObjectPath("/org/freedesktop/systemd1/unit/it")

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def ReloadUnit(self, name, mode):
        return self.job("ReloadUnit", name)

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def RestartUnit(self, name, mode):
        return self.job("RestartUnit", name)

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def TryRestartUnit(self, name, mode):
        return self.job("TryRestartUnit", name)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
owned = dbus.service.BusName(NAME, bus)
manager = Manager(bus, "/org/freedesktop/systemd1")
unit = Unit(bus, "/org/freedesktop/systemd1/unit/it")
print("ready", flush=True)
GLib.MainLoop().run()
