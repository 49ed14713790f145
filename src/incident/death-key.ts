const NO_BOOT = '-';
const BOOT_ID_LENGTH = 36;

/**
 * What is the same for one death in every source: the boot, the kernel's clock (printk prints microseconds everywhere) and who
 * died. Where neither the line nor a comparison of clocks tells the boot, a dash stands for it.
 */
export function deathKey(bootId: string | null, kernelSeconds: number, whom: string): string {
  return `${bootId ?? NO_BOOT}:${Math.round(kernelSeconds * 1e6)}:${whom}`;
}

/**
 * The same moment and name in a boot that is not known and in one that is are one death: that two boots of one host share
 * both to the microsecond does not happen. null: this key knows no moment or no pid.
 */
export function deathWithoutBoot(key: string): { isBootKnown: boolean; rest: string } | null {
  const at = key.indexOf(':');
  const isBootKnown = at === BOOT_ID_LENGTH;
  if ((!isBootKnown && key.slice(0, at) !== NO_BOOT) || !/^\d+:\d+$/.test(key.slice(at + 1))) return null;
  return { isBootKnown, rest: key.slice(at + 1) };
}

/** The key of a death of which all but the boot is known. */
export function keyWithoutBoot(rest: string): string {
  return `${NO_BOOT}:${rest}`;
}
