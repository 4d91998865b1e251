/** Milliseconds between two pictures. */
const every = 160;

/** Pictures from the visitor's camera, while it is on. */
export interface Camera {
  readonly on: boolean;
  /**
   * Asks for the camera and shows it.
   *
   * @throws Error in plain words where there is none or it is not allowed
   */
  start(): Promise<void>;
  stop(): void;
}

export function createCamera(video: HTMLVideoElement, onPicture: (video: HTMLVideoElement) => void): Camera {
  let stream: MediaStream | undefined;
  let timer = 0;
  return {
    get on() {
      return stream !== undefined;
    },
    async start() {
      if (!navigator.mediaDevices)
        throw new Error('There is no camera here; the page has to come from https or localhost.');
      stream = await navigator.mediaDevices
        .getUserMedia({ video: { facingMode: 'environment', width: 640 } })
        .catch((error: Error) => {
          const refused = error.name === 'NotAllowedError';
          throw new Error(
            refused ? 'The camera was not allowed; the browser’s settings say how to.' : 'No camera was found.',
          );
        });
      video.srcObject = stream;
      await video.play();
      timer = window.setInterval(() => onPicture(video), every);
    },
    stop() {
      clearInterval(timer);
      for (const track of stream?.getTracks() ?? []) track.stop();
      stream = undefined;
      video.srcObject = null;
    },
  };
}
