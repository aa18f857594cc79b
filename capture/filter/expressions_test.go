package filter

import "strings"

// handWritten are expressions that people write, and those at the edges of the
// language. Lines that begin with # say what follows.
func handWritten() []string {
	var out []string
	for line := range strings.Lines(expressions) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

const expressions = `
# words by themselves
ip
ip6
arp
rarp
tcp
udp
sctp
icmp
icmp6
igmp
igrp
pim
vrrp
carp
ah
esp
atalk
aarp
decnet
lat
sca
moprc
mopdl
iso
esis
es-is
isis
is-is
clnp
stp
ipx
netbeui
# hosts
host 10.0.0.1
host 192.168.1.1
src host 192.168.1.1
dst host 192.168.1.1
src 192.168.1.1
dst 10.0.0.2
src or dst 10.0.0.2
src and dst host 127.0.0.1
dst or src host 127.0.0.1
ip host 10.0.0.1
arp host 10.0.0.1
arp src host 10.0.0.1
rarp dst host 10.0.0.1
ip src 10.0.0.1 and ip dst 10.0.0.2
host 10.0.0.1 or 10.0.0.2
host 10.0.0.1 and 10.0.0.2
host 10.0.0.1 and not 10.0.0.2
host 10.0.0.1 and (10.0.0.2 or 10.0.0.3)
host (10.0.0.1 or 10.0.0.2)
host (not 10.0.0.1)
not host 10.0.0.1
host 1
host 10.1
host 10.1.2
host \10.0.0.1
host ::1
ip6 host ::1
src host fe80::1
dst host ff02::1
ip6 src fe80::1
host 2001:db8::1 or ff02::fb
host ::ffff:10.0.0.1
host 0.0.0.0
host 255.255.255.255
# networks
net 10
net 192.168
net 192.168.1
net 10.0.0.0/8
net 172.16.0.0/12
net 192.168.0.0/16
net 192.168/16
net 192.168.1/24
src net 10
dst net 192.168.1
net 10.0.0.0 mask 255.0.0.0
net 10.0 mask 255.255.0.0
net 10.0.0.0 mask 255.0.0.255
net 0.0.0.0/0
net 0
net 224.0.0.0/4
net 127
ip net 10
arp net 10
src and dst net 10
net 10 or 192.168
net 10.0.0.0/8 and not 10.0.0.0/24
net 10.0.0.1
net 10.0.0.1/32
net fe80::/10
net ff00::/8
ip6 net 2001::/16
src net 2001:db8::/32
dst net fe80::/64
net ::/0
net ::1/128
net 2001:db8::
# ports
port 80
port http
port 53
port domain
port ftp-data
port tftp
port 0
port 65535
port 0x50
port 010
tcp port 80
udp port 53
sctp port 80
tcp port http
udp port domain
src port 53
dst port 53
src or dst port 53
src and dst port 53
tcp src port 80
udp dst port 53
tcp src or dst port 443
udp src and dst port 123
port 80 or 443
port 80 or 443 or 8080
tcp port 80 or 443
port (80 or 443)
port ((80) or 443)
port (80)
port not 80
not port 80
port 80 and not 443
port 80 and 1024
portrange 1-1023
portrange 80-80
portrange 1023-1
portrange 80
portrange http-https
portrange http-443
tcp portrange 6881-6889
udp src portrange 1024-65535
tcp dst portrange 0-1023
src and dst portrange 1024-65535
portrange 20-21 or 80-81
port 25 or 110 or 143 or 465 or 587 or 993 or 995
port \80
# protocols
proto 6
proto 17
proto 1
proto 0
proto 255
proto 256
proto \tcp
proto \udp
proto \icmp
ip proto 6
ip proto \tcp
ip proto \udp
ip proto 6 or 17
ip proto (6 or 17)
ip proto \igmp
ip proto \icmp or \udp
ip proto 300
ip6 proto 6
ip6 proto 17
ip6 proto 58
ip6 proto 44
ip6 proto \ipv6-icmp
ip6 proto 0
ether proto 0x800
ether proto 0x86dd
ether proto 0x806
ether proto \ip
ether proto \ip6
ether proto \arp
ether proto \rarp
ether proto \stp
ether proto \ipx
ether proto \atalk
ether proto \aarp
ether proto \iso
ether proto \netbeui
ether proto \decnet
ether proto \loopback
ether proto 0x88cc
ether proto 66
ether proto 1500
ether proto 1501
ether proto 1
ether proto 4
ether proto 0x21
ether proto 65536
ether proto 0x600
# hardware addresses
ether host 00:11:22:33:44:55
ether src 00:11:22:33:44:55
ether dst ff:ff:ff:ff:ff:ff
ether src host 0:11:22:33:44:55
ether dst host 01-00-5e-00-00-fb
ether host 0011.2233.4455
ether host 001122334455
ether host 00.11.22.33.44.55
ether src and dst 00:00:00:00:00:00
ether src or dst 00:00:00:00:00:00
ether host 00:00:00:00:00:00 or ff:ff:ff:ff:ff:ff
ether dst 01:80:c2:00:00:00
link host 00:11:22:33:44:55
broadcast
multicast
ether broadcast
ether multicast
not multicast and not broadcast
ip broadcast
ip multicast
ip6 multicast
# lengths
less 64
greater 1000
less 0
greater 0
len > 100
len >= 100 and len < 200
len = 60
len == 60
len != 60
length <= 128
len - 14 > 1000
len + 4 < 100
len > 0xffffffff
len >= 0
64 < len
100 >= len
len * 2 = 120
# bytes
ip[0] = 0x45
ip[0] & 0xf != 5
ip[0] & 0xf > 5
ip[6:2] & 0x1fff = 0
ip[6:2] & 0x1fff != 0
ip[6:2] & 0x3fff != 0
ip[6] & 0x40 != 0
ip[8] < 5
ip[9] = 6
ip[2:2] > 576
ip[12:4] = 0x0a000001
ip[16] >= 224
ip[19] = 0xff
ip[16:4] = ip[12:4]
ip[1] & 0xfc >> 2 = 46
tcp[13] & 2 != 0
tcp[13] = 2
tcp[13] == 18
tcp[13] & 7 != 0
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] & (tcp-syn|tcp-fin) != 0
tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)
tcp[tcpflags] & (tcp-rst|tcp-ack) = tcp-rst
tcp[tcpflags] == tcp-syn
tcp[tcpflags] & tcp-push != 0 and tcp[tcpflags] & tcp-urg = 0
tcp[tcpflags] & (tcp-ece|tcp-cwr) != 0
tcp[0:2] = 80
tcp[2:2] > 1024
tcp[4:4] = 0
tcp[14:2] < 1000
tcp[12] & 0xf0 > 0x50
tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420
tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)
udp[4:2] > 100
udp[0:2] = udp[2:2]
udp[8:2] = 0
udp port 53 and udp[10] & 0x80 != 0
udp[10] & 0xf8 = 0
sctp[0:2] = 80
icmp[icmptype] = icmp-echo
icmp[icmptype] = icmp-echoreply
icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
icmp[icmptype] == icmp-unreach and icmp[icmpcode] == 3
icmp[0] = 8
icmp[4:2] > 0
icmp6[icmp6type] = icmp6-neighborsolicit
icmp6[0] = 128
icmp6[icmp6type] == icmp6-routeradvert or icmp6[icmp6type] == icmp6-routersolicit
icmp6[icmp6code] = 0
ip6[6] = 6
ip6[6] = 44
ip6[7] = 64
ip6[0] & 0xf0 = 0x60
ip6[4:2] > 100
ip6[40:2] = 53
ip6[8:4] = 0x20010db8
arp[6:2] = 1
arp[7] = 2
arp[14:4] = 0x0a000001
rarp[7] = 3
igmp[0] = 0x11
igmp[0] > 0x11
pim[0] & 0xf = 0
vrrp[0] = 0x21
ether[0] & 1 = 1
ether[0] & 1 != 0
ether[12:2] = 0x800
ether[12:2] <= 1500
ether[0:4] = 0xffffffff
ether[6:2] = 0
ether[14] = 0x45
ether[20] & 2 = 0
link[0] = 0
ether[100] = 0
ether[1000] >= 0
ether[len - 1] = 0
ether[len - 4:4] = 0
not ether[1000] = 0
# calculations
ip[0] + ip[1] = 0x45
ip[0] - 0x40 = 5
ip[0] * 4 = 0x114
ip[0] / 16 = 4
ip[0] % 16 = 5
ip[0] ^ 0x45 = 0
ip[0] | 0x0f = 0x4f
ip[0] >> 4 = 4
ip[0] << 2 = 0x114
(ip[0] & 0xf) * 4 = 20
(ip[0] & 0xf) << 2 > 20
1 + ip[0] = 0x46
0x45 = ip[0]
5 < ip[8]
ip[8] > ip[9]
ip[2:2] = len - 14
ip[2:2] + 14 < len
ip[2:2] + 14 > len
-ip[0] = -69
-(ip[0]) + 69 = 0
ip[0] = -5
ip[0] ^ 3 + 1 = 0x41
ip[0] % 3 * 2 = 0
ip[8] + ip[9] ^ 5 = 60
ip[8] - ip[9] - 1 > 5
ip[8] | ip[9] & 3 = 64
ip[8] & 3 | 4 = 4
ip[8] << 1 + 1 = 0
ip[8] / ip[9] = 10
ip[8] % ip[1] = 0
ip[8] / (ip[1] + 1) = 64
ip[8] << (ip[9]) = 0
ip[ip[9]] = 0
ip[(ip[0] & 0xf) * 4] = 0
ip[-2] = 8
tcp[-2] = 0
ip[100] & 0 = 0
ip[100] * 0 = 0
ip[0] & ip[1] & ip[2] = 0
ip[0] + ip[1] + ip[2] + ip[3] > 100
((((ip[0])))) = 0x45
(len) > 100
(100) < len
(5) + 3 < len
5 > 3
3 > 5
1 = 1 and tcp
1 = 0 or udp
tcp[0] = udp[0]
ip[0] + tcp[0] > 100
2 + ip[0] > 3
ether[14] + ip[0] > 100
ip[tcp[12] >> 4] = 0
# vlan
vlan
vlan 1
vlan 100
vlan and ip
vlan and tcp
vlan and tcp port 80
vlan and host 10.0.0.1
vlan and arp
vlan 1 or vlan 2
vlan and vlan
vlan 100 and vlan 200
vlan and vlan and ip
not vlan
not vlan and ip
ip or vlan and ip
ip or (vlan and ip)
tcp or (vlan and tcp)
(vlan and udp) or port 53
vlan and ether host 00:11:22:33:44:55
vlan and ether[0] = 0
vlan and ip[9] = 6
vlan and icmp6
vlan and stp
vlan and ether proto 0x88cc
vlan (5)
vlan 0
vlan 4095
ether proto 0x8100
# mpls
mpls
mpls 16
mpls 100
mpls and ip
mpls and tcp
mpls and tcp port 179
mpls and host 10.0.0.1
mpls and ip6
mpls 18 and mpls 16
mpls and mpls
mpls and mpls and mpls
mpls and mpls and ip
mpls and udp[0:2] = 646
mpls and ip[8] < 5
vlan and mpls
vlan and mpls and ip
not mpls
mpls and icmp6[0] = 128
mpls and multicast
# pppoe
pppoed
pppoes
pppoes 1
pppoes 0x11
pppoes and ip
pppoes and tcp port 80
pppoes and ip6
pppoes and icmp
pppoes 17 and host 10.0.0.1
vlan and pppoes
vlan and pppoes and ip
pppoes and mpls and ip
pppoes and ether[0] = 0
pppoes and ether proto 0xc021
pppoes and ether proto \ip
pppoes and isis
# direction
inbound
outbound
not inbound
inbound and tcp
ifindex 1
ifindex 3
# joined
tcp and udp
tcp or udp
tcp && port 80
tcp || udp
!tcp
! tcp
not not tcp
not (tcp or udp)
not tcp and not udp
tcp and not port 80 and not port 443
tcp or udp and port 53
tcp or (udp and port 53)
udp and port 53 or tcp
(tcp)
((tcp))
(tcp) and (port 80)
host 10.0.0.1 and port 80
host 10.0.0.1 and tcp port 80
host 10.0.0.1 and (tcp port 80 or udp port 53)
host 10.0.0.1 and (tcp) and 10.0.0.2
src host 10.0.0.1 and dst port 80
src net 10 and dst net 192.168
ip and not net 10
tcp port 21 or 20 and not host 10.0.0.1
not arp and not stp
not (arp or icmp or icmp6)
ip and ip6
arp or rarp
tcp and len > 100
tcp and greater 100
icmp or icmp6
port 53 and not host 10.0.0.1 and not (port 80 or 443)
ip host 10.0.0.1 or arp host 10.0.0.1
(host 10.0.0.1 or 10.0.0.2) and port 80
not host 10.0.0.1 and 10.0.0.2
port 80 or (not 443)
tcp[0] = 0 or udp[0] = 0 or icmp[0] = 0
tcp or 5 > 3
len > 5 and len < 10 or tcp
((len) > 5 and (5 + 3 < len)) or not (tcp)
`
