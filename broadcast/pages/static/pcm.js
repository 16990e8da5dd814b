// In the sound's own thread: 16-bit pieces of 20 ms, each with its loudest sample.

const PIECE = 320;

registerProcessor("pcm", class extends AudioWorkletProcessor {
  piece = new Int16Array(PIECE);
  filled = 0;
  loudest = 0;

  process([[channel]]) {
    for (const sample of channel ?? []) {
      const bounded = Math.max(-1, Math.min(1, sample));
      this.loudest = Math.max(this.loudest, Math.abs(bounded));
      this.piece[this.filled++] = bounded * 32767;
      if (this.filled < PIECE) continue;
      this.port.postMessage({ piece: this.piece.buffer, loudest: this.loudest }, [this.piece.buffer]);
      this.piece = new Int16Array(PIECE);
      this.filled = 0;
      this.loudest = 0;
    }
    return true;
  }
});
