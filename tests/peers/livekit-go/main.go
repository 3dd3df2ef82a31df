// A participant on LiveKit's Go SDK: a peer for tests.
//
// It publishes the encoded pictures and sound it is given, over and over, and writes down what it receives. It does not decode:
// whoever started it does that. Texts to send come as lines on standard input, its end means to leave; a report in JSON goes to
// standard output five times a second.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
)

const (
	chatTopic     = "lk.chat"
	picturePeriod = time.Second / 15
	soundPeriod   = 20 * time.Millisecond
	reportPeriod  = 200 * time.Millisecond
	// What is lost for good after this many later packets.
	lateness = 100
)

// What a report says. It grows and is never set back.
type report struct {
	// Others in the room.
	Participants []string `json:"participants"`
	// Tracks published that the server has named.
	Published []string `json:"published"`
	// Whole pictures and packets of sound received.
	Pictures int `json:"pictures"`
	Sounds   int `json:"sounds"`
	// Key frames that subscribers asked for.
	KeyFrameRequests int `json:"key_frame_requests"`
	// Texts received, as "sender: text": as text streams, and in the older form.
	Texts      []string `json:"texts"`
	OlderTexts []string `json:"older_texts"`
	// Data messages received, as "sender: data".
	Data []string `json:"data"`
}

type peer struct {
	folder string
	mutex  sync.Mutex
	report report
}

func main() {
	log.SetFlags(0)
	url := flag.String("url", "", "address of the server")
	key := flag.String("key", "", "API key")
	secret := flag.String("secret", "", "API secret")
	name := flag.String("room", "", "name of the room")
	user := flag.String("user", "", "identity")
	folder := flag.String("folder", "", "where camera.samples and microphone.samples are, and received ones go")
	single := flag.Bool("single", false, "ask for one peer connection for both directions")
	flag.Parse()
	info := lksdk.ConnectInfo{APIKey: *key, APISecret: *secret, RoomName: *name, ParticipantIdentity: *user}
	var options []lksdk.ConnectOption
	if *single {
		options = append(options, lksdk.WithSinglePeerConnection())
	}
	// Lists that are empty, not absent.
	nothing := report{Published: []string{}, Texts: []string{}, OlderTexts: []string{}, Data: []string{}}
	p := &peer{folder: *folder, report: nothing}
	if err := p.run(*url, info, options); err != nil {
		log.Fatal(err)
	}
}

// Joins, publishes, and stays until standard input ends.
func (p *peer) run(url string, info lksdk.ConnectInfo, options []lksdk.ConnectOption) error {
	left := make(chan string, 1)
	callback := &lksdk.RoomCallback{
		OnDisconnectedWithReason: func(reason lksdk.DisconnectionReason) { left <- string(reason) },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				if err := p.receive(track, from); err != nil {
					log.Printf("the track %s of %s: %v", track.ID(), from.Identity(), err)
				}
			},
			OnDataPacket: p.data,
		},
	}
	room := lksdk.NewRoom(callback)
	err := room.RegisterTextStreamHandler(chatTopic, func(reader *lksdk.TextStreamReader, from string) {
		// Reading waits for the end of the stream.
		go func() {
			text := reader.ReadAll()
			p.note(func(r *report) { r.Texts = append(r.Texts, from+": "+text) })
		}()
	})
	if err != nil {
		return err
	}
	if err := room.Join(url, info, options...); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	defer room.Disconnect()
	if err := p.publishAll(room); err != nil {
		return err
	}
	texts := make(chan string)
	go func() {
		defer close(texts)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			texts <- lines.Text()
		}
	}()
	ticks := time.NewTicker(reportPeriod)
	defer ticks.Stop()
	out := json.NewEncoder(os.Stdout)
	for {
		select {
		case text, more := <-texts:
			if !more {
				return nil
			}
			room.LocalParticipant.SendText(text, lksdk.StreamTextOptions{Topic: chatTopic})
			if err := room.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte(text)), lksdk.WithDataPublishReliable(true)); err != nil {
				return fmt.Errorf("sending data: %w", err)
			}
		case reason := <-left:
			return errors.New("sent away: " + reason)
		case <-ticks.C:
			others := []string{}
			for _, other := range room.GetRemoteParticipants() {
				others = append(others, other.Identity())
			}
			p.mutex.Lock()
			p.report.Participants = others
			err := out.Encode(p.report)
			p.mutex.Unlock()
			if err != nil {
				return err
			}
		}
	}
}

func (p *peer) note(change func(*report)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	change(&p.report)
}

func (p *peer) data(packet lksdk.DataPacket, params lksdk.DataReceiveParams) {
	switch packet := packet.(type) {
	case *livekit.ChatMessage:
		p.note(func(r *report) { r.OlderTexts = append(r.OlderTexts, params.SenderIdentity+": "+packet.Message) })
	case *lksdk.UserDataPacket:
		p.note(func(r *report) { r.Data = append(r.Data, params.SenderIdentity+": "+string(packet.Payload)) })
	}
}

func (p *peer) publishAll(room *lksdk.Room) error {
	h264 := webrtc.RTPCodecCapability{
		MimeType:    webrtc.MimeTypeH264,
		ClockRate:   90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		RTCPFeedback: []webrtc.RTCPFeedback{
			{Type: webrtc.TypeRTCPFBNACK}, {Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
		},
	}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	camera := &lksdk.TrackPublicationOptions{Name: "camera", Source: livekit.TrackSource_CAMERA, VideoWidth: 320, VideoHeight: 180}
	microphone := &lksdk.TrackPublicationOptions{Name: "microphone", Source: livekit.TrackSource_MICROPHONE}
	if err := p.publish(room, h264, camera, "camera.samples", picturePeriod); err != nil {
		return err
	}
	return p.publish(room, opus, microphone, "microphone.samples", soundPeriod)
}

// Publishes the samples of a file, over and over.
func (p *peer) publish(room *lksdk.Room, codec webrtc.RTPCodecCapability, options *lksdk.TrackPublicationOptions, file string, period time.Duration) error {
	samples, err := readSamples(filepath.Join(p.folder, file))
	if err != nil {
		return err
	}
	track, err := lksdk.NewLocalTrack(codec, lksdk.WithRTCPHandler(func(packet rtcp.Packet) {
		if _, asks := packet.(*rtcp.PictureLossIndication); asks {
			p.note(func(r *report) { r.KeyFrameRequests++ })
		}
	}))
	if err != nil {
		return fmt.Errorf("the track %s: %w", options.Name, err)
	}
	track.OnBind(func() {
		go func() {
			ticks := time.NewTicker(period)
			defer ticks.Stop()
			for number := 0; ; number++ {
				<-ticks.C
				sample := media.Sample{Data: samples[number%len(samples)], Duration: period}
				if err := track.WriteSample(sample, nil); err != nil {
					log.Printf("the track %s: %v", options.Name, err)
					return
				}
			}
		}()
	})
	published, err := room.LocalParticipant.PublishTrack(track, options)
	if err != nil {
		return fmt.Errorf("publishing %s: %w", options.Name, err)
	}
	p.note(func(r *report) { r.Published = append(r.Published, published.SID()) })
	return nil
}

// Writes the samples of a track down until it ends.
func (p *peer) receive(track *webrtc.TrackRemote, from *lksdk.RemoteParticipant) error {
	var depacketizer rtp.Depacketizer
	count, kind := func(r *report) { r.Sounds++ }, "audio"
	switch track.Codec().MimeType {
	case webrtc.MimeTypeH264:
		depacketizer = &codecs.H264Packet{}
		count, kind = func(r *report) { r.Pictures++ }, "video"
	case webrtc.MimeTypeOpus:
		depacketizer = &codecs.OpusPacket{}
	default:
		return fmt.Errorf("nobody can send %s here", track.Codec().MimeType)
	}
	file, err := os.Create(filepath.Join(p.folder, from.Identity()+"."+kind+".samples"))
	if err != nil {
		return err
	}
	defer file.Close()
	builder := samplebuilder.New(lateness, depacketizer, track.Codec().ClockRate)
	for {
		packet, _, err := track.ReadRTP()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		builder.Push(packet)
		for sample := builder.Pop(); sample != nil; sample = builder.Pop() {
			if err := writeSample(file, sample.Data); err != nil {
				return err
			}
			p.note(count)
		}
	}
}

// A file of samples: each as its length in four bytes, big-endian, and its bytes.
func readSamples(path string) ([][]byte, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var samples [][]byte
	for len(rest) >= 4 {
		length := int(binary.BigEndian.Uint32(rest))
		if length > len(rest)-4 {
			break
		}
		samples = append(samples, rest[4:4+length])
		rest = rest[4+length:]
	}
	if len(rest) > 0 || len(samples) == 0 {
		return nil, fmt.Errorf("%s is no file of samples, or is cut off", path)
	}
	return samples, nil
}

func writeSample(file io.Writer, sample []byte) error {
	whole := binary.BigEndian.AppendUint32(nil, uint32(len(sample)))
	_, err := file.Write(append(whole, sample...))
	return err
}
