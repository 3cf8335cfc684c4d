#!/bin/sh
# The first program of a test guest. It finds its root file system by label, prints what it reads from there, and stays.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
export PATH=/bin
exec </dev/console >/dev/console 2>&1
busybox echo 4 >/proc/sys/kernel/printk
for list in /modules.d/*; do
  while read -r module; do busybox insmod "/modules/$module.ko" 2>/dev/null; done <"$list"
done
tries=0
while [ "$tries" -lt 100 ]; do
  for name in $(busybox ls /sys/class/block); do
    busybox mount -t ext4 -o ro "/dev/$name" /root 2>/dev/null || continue
    if [ -f /root/etc/wherry-token ]; then
      token=$(busybox cat /root/etc/wherry-token)
      while :; do
        busybox echo "WHERRY-GUEST-BOOTED $token root=/dev/$name"
        if [ -f /root/etc/wherry-power-off ]; then
          busybox umount /root
          busybox poweroff -f
        fi
        busybox sleep 2
      done
    fi
    busybox umount /root
  done
  tries=$((tries + 1))
  busybox sleep 0.1
done
busybox echo "WHERRY-GUEST-WITHOUT-ROOT"
while :; do busybox sleep 60; done
