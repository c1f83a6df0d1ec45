/* SPDX-License-Identifier: Apache-2.0 */
/* `sallyport ca bundle`: packs what a person who was given a certificate
 * needs. */
#ifndef SP_CTL_CA_BUNDLE_H
#define SP_CTL_CA_BUNDLE_H

/* As a verb: argv[0] is "bundle". */
int ca_bundle(int argc, char **argv);

#endif
