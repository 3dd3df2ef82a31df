// What a guest in a browser sees of the one whose room window is driven.

/** Pictures and signs of the other one's tile on the guest's page. */
export function guestSees(guest) {
  const tile = '[data-testid="tile"][data-local="false"]';
  const video = () => guest.locator(`${tile} video`);
  return {
    video,
    seenHeight: () => video().evaluate((element) => element.videoHeight),
    seenMuted: () => guest.locator(`${tile} figcaption .hidden-label`).count(),
  };
}
