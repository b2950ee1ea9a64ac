// The live picture: fetches it by WebRTC or as MJPEG, and draws it with the line between before and after. Does not know numbers.

const GIVE_UP = 4000; // ms for WebRTC to connect; then MJPEG, for as long as the page is open
const AGAIN = 1000; // ms before another try

export class Picture {
  // `told` is called with what brings the picture: "WebRTC", "MJPEG", or "".
  constructor(stage, camera, webrtc, told) {
    this.stage = stage;
    this.canvas = stage.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.camera = camera;
    this.webrtc = webrtc && "RTCPeerConnection" in window;
    this.told = told;
    this.view = null; // as /cameras has it; the one whose frame is shown
    this.at = 0.5;
    this.frame = null; // what is drawn again when the line moves
    this.run = null; // the one that is wanted: an AbortController
  }

  // From now on this view; the one before stays in sight until its first frame.
  watch(view) {
    this.stop();
    const run = (this.run = new AbortController());
    this.keep(view, run.signal);
  }

  stop() {
    this.run?.abort();
  }

  async keep(view, signal) {
    while (!signal.aborted) {
      try {
        await (this.webrtc ? this.connect(view, signal) : this.stream(view, signal));
      } catch (error) {
        if (signal.aborted) return;
        if (this.webrtc && error instanceof Refused) this.webrtc = false;
        else await new Promise((done) => setTimeout(done, AGAIN));
      }
      if (!signal.aborted) this.told("");
    }
  }

  async connect(view, signal) {
    const peer = new RTCPeerConnection();
    const video = document.createElement("video");
    video.muted = true;
    signal.addEventListener("abort", () => peer.close());
    try {
      const transceiver = peer.addTransceiver("video", { direction: "recvonly" });
      transceiver.receiver.jitterBufferTarget = 0; // the present, not a smooth past
      await peer.setLocalDescription();
      await gathered(peer);
      const answer = await fetch(`/cameras/${this.camera}/${view.name}/offer`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ sdp: peer.localDescription.sdp }),
        signal,
      });
      if (!answer.ok) throw new Refused((await answer.json()).error);
      await peer.setRemoteDescription({ type: "answer", sdp: (await answer.json()).sdp });
      await connected(peer);
      video.srcObject = new MediaStream([transceiver.receiver.track]);
      const each = () => {
        if (signal.aborted || peer.connectionState === "closed") return;
        this.show(view, video, video.videoWidth, video.videoHeight, "WebRTC");
        video.requestVideoFrameCallback(each);
      };
      video.requestVideoFrameCallback(each);
      await video.play();
      await lost(peer, signal);
    } finally {
      peer.close();
      const last = await createImageBitmap(video).catch(() => null); // for the line, until another picture comes
      if (this.frame === video) this.frame = last;
    }
  }

  async stream(view, signal) {
    const answer = await fetch(`/cameras/${this.camera}/${view.name}.mjpeg`, { signal });
    if (!answer.ok) throw new Error((await answer.json()).error);
    let newest = null;
    let drawing = false;
    // What comes while one is decoded waits alone: the page shows the newest, however slow it is.
    const draw = async () => {
      if (drawing) return;
      drawing = true;
      while (newest !== null && !signal.aborted) {
        const bytes = newest;
        newest = null;
        const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
        if (!signal.aborted) this.show(view, picture, picture.width, picture.height, "MJPEG");
      }
      drawing = false;
    };
    for await (const bytes of parts(answer.body.getReader())) {
      newest = bytes;
      draw();
    }
    throw new Error("the stream ended");
  }

  show(view, picture, width, height, by) {
    if (!width) return;
    this.view = view;
    if (this.frame !== picture) this.frame?.close?.(); // a bitmap's memory is not left to the collector
    this.frame = picture;
    const tall = view.is_pair ? height / 2 : height;
    if (this.canvas.width !== width || this.canvas.height !== tall) {
      this.canvas.width = width;
      this.canvas.height = tall;
      this.stage.style.setProperty("--shape", `${width} / ${tall}`);
      this.stage.style.setProperty("--wide", String(width / tall));
    }
    this.stage.toggleAttribute("data-pair", view.is_pair);
    this.stage.querySelector(".title").textContent = view.title.toLowerCase();
    this.stage.classList.add("shown");
    this.draw();
    this.told(by);
  }

  // 0 … 1 of the width: before left of it, after right of it.
  cut(at) {
    this.at = Math.min(Math.max(at, 0), 1);
    this.stage.style.setProperty("--at", `${this.at * 100}%`);
    this.stage.classList.toggle("all-after", this.at < 0.08);
    this.stage.classList.toggle("all-before", this.at > 0.92);
    if (this.frame !== null) this.draw();
  }

  draw() {
    const { context, frame, canvas } = this;
    const { width, height } = canvas;
    if (!this.view.is_pair) {
      context.drawImage(frame, 0, 0, width, height);
      return;
    }
    context.drawImage(frame, 0, height, width, height, 0, 0, width, height);
    const left = Math.round(this.at * width);
    if (left > 0) context.drawImage(frame, 0, 0, left, height, 0, 0, left, height);
  }
}

class Refused extends Error {}

function gathered(peer) {
  if (peer.iceGatheringState === "complete") return null;
  return new Promise((done) => {
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && done());
    setTimeout(done, AGAIN);
  });
}

function connected(peer) {
  return new Promise((done, fail) => {
    const look = () => {
      if (peer.connectionState === "connected") done();
      if (peer.connectionState === "failed") fail(new Refused("WebRTC does not get through"));
    };
    peer.addEventListener("connectionstatechange", look);
    setTimeout(() => fail(new Refused("WebRTC does not connect")), GIVE_UP);
    look();
  });
}

function lost(peer, signal) {
  return new Promise((done, fail) => {
    signal.addEventListener("abort", done);
    peer.addEventListener("connectionstatechange", () => {
      if (["failed", "disconnected", "closed"].includes(peer.connectionState)) fail(new Error("the connection is lost"));
    });
  });
}

// The pictures of a multipart stream, whose every part says its length.
async function* parts(reader) {
  let bytes = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes = joined(bytes, value);
    for (;;) {
      const head = new TextDecoder("latin1").decode(bytes.subarray(0, 200));
      const end = head.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/.exec(head)?.[1]);
      if (end < 0 || bytes.length < end + 4 + length + 2) break;
      yield bytes.slice(end + 4, end + 4 + length);
      bytes = bytes.subarray(end + 4 + length + 2);
    }
  }
}

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
