#!/bin/sh
# The first boot of a system without cloud-init: started by systemd.run= in cmdline.txt, as the
# script of Raspberry Pi Imager is. settings.sh beside install.sh says what is wanted.
set -u
boot=$(dirname "$(readlink -f "$0")")
. "$boot/edge-runtime/settings.sh"

if [ -n "$host" ]; then
    old=$(cat /etc/hostname)
    echo "$host" >/etc/hostname
    sed -i "s/127.0.1.1.*$old/127.0.1.1\t$host/g" /etc/hosts
    grep -q "127.0.1.1" /etc/hosts || printf '127.0.1.1\t%s\n' "$host" >>/etc/hosts
fi

if [ -n "$user" ]; then
    if [ -x /usr/lib/userconf-pi/userconf ]; then
        /usr/lib/userconf-pi/userconf "$user" '*' # no password: keys alone
    elif ! id "$user" >/dev/null 2>&1; then
        useradd --create-home --shell /bin/bash "$user"
    fi
    mkdir -p /etc/sudoers.d
    echo "$user ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/010_edge-runtime
    chmod 440 /etc/sudoers.d/010_edge-runtime
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" "$home/.ssh"
    echo "$ssh_keys" >"$home/.ssh/authorized_keys"
    chown -R "$user:" "$home/.ssh"
    chmod 600 "$home/.ssh/authorized_keys"
    systemctl enable ssh || true
fi

if [ -f "$boot/edge-runtime/wifi.nmconnection" ]; then
    connections=/etc/NetworkManager/system-connections
    install -D -m 600 "$boot/edge-runtime/wifi.nmconnection" \
        "$connections/preconfigured.nmconnection"
    shred -n 1 "$boot/edge-runtime/wifi.nmconnection" || true
    rm -f "$boot/edge-runtime/wifi.nmconnection"
    rfkill unblock wifi 2>/dev/null || true
    for file in /var/lib/systemd/rfkill/*:wlan; do
        [ -f "$file" ] && echo 0 >"$file"
    done
fi

sh "$boot/edge-runtime/install.sh"

# also when that failed: a board that starts is easier to mend; first-boot.log says what it was
sed 's| systemd\.run=.*||' "$boot/cmdline.txt" >"$boot/cmdline.new"
mv "$boot/cmdline.new" "$boot/cmdline.txt"
rm -f "$boot/edge-runtime/settings.sh" "$boot/firstrun.sh"
sync
exit 0
