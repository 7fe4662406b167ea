/* Two players side by side: whoever steps in one sees the other at the same moment. */

import { mountCell } from "./player.js";

/** `partners`: for each side and each of its steps, the other side's step at that moment. */
export async function mountPairs(uid, needs, partners) {
  for (const pair of document.querySelectorAll(`.tg-pair[data-uid="${uid}"]`)) {
    if (pair.dataset.mounted) continue;
    pair.dataset.mounted = "true";
    const players = await Promise.all([...pair.querySelectorAll(".tg-player")].map((root) => mountCell(root, needs)));
    let leads = true; // false while one follows the other
    players.forEach((player, side) => player.on("step", (step) => {
      if (!leads) return;
      leads = false;
      players[1 - side].pause();
      players[1 - side].setStep(partners[side][step]);
      leads = true;
    }));
  }
}
