module beckon.test/peers/livekit-server

go 1.26

tool github.com/livekit/livekit-server/cmd/server

require github.com/livekit/livekit-server v1.13.5

replace github.com/pion/webrtc/v4 => github.com/livekit/webrtc-pion/v4 v4.2.18-warp.1
replace github.com/pion/dtls/v3 => github.com/livekit/dtls/v3 v3.1.5-warp.1
replace github.com/pion/ice/v4 => github.com/livekit/ice/v4 v4.4.0-warp.1
